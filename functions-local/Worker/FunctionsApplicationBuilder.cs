using System.Reflection;
using Lentigo.Functions.Local.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker
{
    /// <summary>Registers what runs around functions.</summary>
    public interface IFunctionsWorkerApplicationBuilder
    {
        /// <summary>The app's services.</summary>
        public IServiceCollection Services { get; }
    }
}

namespace Microsoft.Azure.Functions.Worker.Builder
{
    /// <summary>Builds a functions app.</summary>
    public sealed class FunctionsApplicationBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
    {
        private readonly WebApplicationBuilder web;
        private readonly IReadOnlyList<FunctionMethod> functions;

        internal FunctionsApplicationBuilder(string[] args)
            : this(args, (Assembly.GetEntryAssembly() ?? throw new InvalidOperationException("There is no entry assembly to take functions from.")).GetTypes(), AppContext.BaseDirectory)
        {
        }

        internal FunctionsApplicationBuilder(string[] args, IReadOnlyList<Type> classes, string appRoot)
        {
            web = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = appRoot });
            LocalConfiguration.Add(web.Configuration, appRoot);
            LocalRuntime.AddServices(web);
            functions = FunctionMethod.Discover(classes);
        }

        /// <inheritdoc/>
        public IServiceCollection Services => web.Services;

        /// <inheritdoc/>
        public IConfigurationManager Configuration => web.Configuration;

        /// <inheritdoc/>
        public IHostEnvironment Environment => web.Environment;

        /// <inheritdoc/>
        public ILoggingBuilder Logging => web.Logging;

        /// <inheritdoc/>
        public IMetricsBuilder Metrics => web.Metrics;

        IDictionary<object, object> IHostApplicationBuilder.Properties => ((IHostApplicationBuilder)web).Properties;

        /// <inheritdoc/>
        public void ConfigureContainer<TContainerBuilder>(IServiceProviderFactory<TContainerBuilder> factory, Action<TContainerBuilder>? configure = null)
            where TContainerBuilder : notnull => ((IHostApplicationBuilder)web).ConfigureContainer(factory, configure);

        /// <summary>The app, ready to run.</summary>
        public IHost Build() => LocalRuntime.Build(web, functions);
    }

    /// <summary>Adds ASP.NET Core's requests and results to functions.</summary>
    public static class FunctionsApplicationBuilderAspNetCoreExtensions
    {
        /// <summary>Lets HTTP functions take <c>HttpRequest</c> and return <c>IResult</c>.</summary>
        public static FunctionsApplicationBuilder ConfigureFunctionsWebApplication(this FunctionsApplicationBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            builder.Services.AddSingleton<HttpFunctionsEnabled>();
            return builder;
        }
    }
}
