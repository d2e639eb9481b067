using Lentigo.Training.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Random augmentation of whole batches, as tensor operations on the batch's device.</summary>
/// <param name="recipe">The kinds of augmentation and their strength.</param>
internal sealed class Augmentation(TrainingRecipe recipe)
{
    /// <summary>Augments each image of a batch independently.</summary>
    /// <param name="images">float [n, 3, s, s] in 0 to 1.</param>
    /// <returns>A new tensor of the same shape in 0 to 1.</returns>
    public Tensor Apply(Tensor images)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor result = Degrade(images);
        result = Move(result);
        result = new Occlusion(recipe).Apply(result);
        result = Constancy(result);
        result = Color(result);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Downscales with antialiasing and enlarges again, which leaves the detail of an image with fewer pixels.</summary>
    public static Tensor Blur(Tensor images, int size)
    {
        long side = images.shape[^1];
        using Tensor small = nn.functional.interpolate(images, [size, size], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true);
        return nn.functional.interpolate(small, [side, side], mode: InterpolationMode.Bilinear, align_corners: false);
    }

    /// <summary>
    /// Color constancy by shades of gray (Finlayson and Trezzi 2004; for dermoscopy Barata et al. 2015, doi:10.1109/JBHI.2014.2336473): the color of
    /// the illuminant is estimated as the Minkowski mean of degree 6 of each channel, and divided out.
    /// </summary>
    /// <param name="images">float [n, 3, s, s] in 0 to 1.</param>
    /// <returns>A new tensor of the same shape in 0 to 1.</returns>
    public static Tensor ShadesOfGray(Tensor images)
    {
        const double degree = 6;
        using DisposeScope scope = NewDisposeScope();
        // Black images have no light; 1e-3 is less than a level of 255.
        Tensor light = images.pow(degree).mean([2, 3], keepdim: true).pow(1 / degree).clamp_min(1e-3);
        Tensor white = light.square().mean([1], keepdim: true).sqrt();
        return (images * (white / light)).clamp(0, 1).MoveToOuterDisposeScope();
    }

    private Tensor Constancy(Tensor images)
    {
        if (recipe.ColourConstancy == 0)
        {
            return images;
        }

        Tensor chosen = (rand([images.shape[0], 1, 1, 1]) < recipe.ColourConstancy).to(images.device);
        return where(chosen, ShadesOfGray(images), images);
    }

    private Tensor Degrade(Tensor images)
    {
        int side = (int)images.shape[^1];
        if (recipe.Degrade == 0 || side <= recipe.DegradeSize)
        {
            return images;
        }

        // One size per batch: the smallest half of the time, otherwise a random one up to the full size.
        double draw = rand(1).item<float>();
        int size = draw < 0.5 ? recipe.DegradeSize : recipe.DegradeSize + (int)((draw - 0.5) * 2 * (side - recipe.DegradeSize));
        Tensor chosen = (rand([images.shape[0], 1, 1, 1]) < recipe.Degrade).flatten().nonzero().flatten().to(images.device);
        return chosen.numel() == 0 ? images : images.index_copy(0, chosen, Blur(images.index_select(0, chosen), size));
    }

    /// <summary>Flips, rotation and scaling in one resampling; the image is reflected at its borders.</summary>
    private Tensor Move(Tensor images)
    {
        long n = images.shape[0];
        if (recipe.Rotation == 0 && recipe.Scale == 0)
        {
            return recipe.Flip ? Mirror(Mirror(images, 3), 2) : images;
        }

        Tensor angle = Uniform(n, recipe.Rotation * Math.PI / 180), zoom = 1 / (1 + Uniform(n, recipe.Scale));
        Tensor flipX = recipe.Flip ? Sign(n) : ones(n), flipY = recipe.Flip ? Sign(n) : ones(n), zero = zeros(n);
        Tensor cos = angle.cos() * zoom, sin = angle.sin() * zoom;
        Tensor theta = stack([stack([cos * flipX, -sin * flipY, zero], 1), stack([sin * flipX, cos * flipY, zero], 1)], 1).to(images.device);
        Tensor grid = nn.functional.affine_grid(theta, images.shape, align_corners: false);
        return nn.functional.grid_sample(images, grid, mode: GridSampleMode.Bilinear, padding_mode: GridSamplePaddingMode.Reflection, align_corners: false);
    }

    private Tensor Color(Tensor images)
    {
        long n = images.shape[0];
        Device device = images.device;
        Tensor result = images;
        if (recipe.Brightness > 0)
        {
            result = result * (1 + Uniform(n, recipe.Brightness)).view(n, 1, 1, 1).to(device);
        }

        if (recipe.Contrast > 0)
        {
            Tensor mean = result.mean([1, 2, 3], keepdim: true);
            result = mean + ((result - mean) * (1 + Uniform(n, recipe.Contrast)).view(n, 1, 1, 1).to(device));
        }

        if (recipe.Saturation > 0)
        {
            Tensor gray = result.mean([1], keepdim: true);
            result = gray + ((result - gray) * (1 + Uniform(n, recipe.Saturation)).view(n, 1, 1, 1).to(device));
        }

        if (recipe.ColourShift > 0)
        {
            result = result + (((rand([n, 3, 1, 1]) * 2) - 1) * recipe.ColourShift).to(device);
        }

        return ReferenceEquals(result, images) ? images.alias() : result.clamp(0, 1);
    }

    private static Tensor Mirror(Tensor images, long axis) =>
        where((rand([images.shape[0], 1, 1, 1]) < 0.5).to(images.device), images.flip(axis), images);

    // Random numbers always come from the CPU generator, so that a seed gives the same augmentation on every device.
    private static Tensor Uniform(long n, double most) => ((rand(n) * 2) - 1) * most;

    private static Tensor Sign(long n) => ((rand(n) < 0.5).to(ScalarType.Float32) * 2) - 1;
}
