using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Answers calls that no other function takes with a problem document.</summary>
public sealed class UnknownRoute(FunctionRoutes routes)
{
    /// <summary>Every method at every address that is left.</summary>
    [Function(FunctionRoutes.UnknownRoute)]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "{*rest}")] HttpRequest request) => routes.Answer(request);
}
