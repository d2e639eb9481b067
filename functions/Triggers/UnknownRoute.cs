using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Answers requests that match no other function with a problem document.</summary>
public sealed class UnknownRoute(FunctionRoutes routes)
{
    /// <summary>Handles every method at every remaining URL.</summary>
    [Function(FunctionRoutes.UnknownRoute)]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, Route = "{*rest}")] HttpRequest request) => routes.Answer(request);
}
