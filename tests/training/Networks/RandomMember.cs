using Lentigo.Core;
using Lentigo.OnnxExport;
using Lentigo.Training.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Networks;

/// <summary>Members that nobody trained, all of whose numbers count.</summary>
internal static class RandomMember
{
    /// <summary>A network in evaluation with random weights and random running statistics.</summary>
    public static OnnxEnsembleMember Create(string name, int size, double weight = 1)
    {
        manual_seed(3);
        MemberArchitecture architecture = MemberRegistry.Find(name);
        nn.Module<Tensor, Tensor> network = architecture.Create(LesionClasses.Count, size);
        using IDisposable noGradient = no_grad();
        foreach (nn.Module module in network.modules())
        {
            if (module is BatchNorm2d norm)
            {
                nn.init.uniform_(norm.weight!, 0.5, 1.5);
                nn.init.normal_(norm.bias!, 0, 0.2);
                nn.init.normal_(norm.running_mean!, 0, 0.1);
                nn.init.uniform_(norm.running_var!, 0.5, 2);
            }
        }

        Linear head = (Linear)network.named_modules().Single(m => m.name == architecture.Head).module;
        nn.init.normal_(head.weight, 0, 0.05);
        network.eval();
        return new(name, network, architecture.Mean, architecture.Std, weight);
    }
}
