using System.IO.Compression;
using Lentigo.Core;
using Lentigo.Core.Imaging;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>
/// MedMNIST's format (Yang et al. 2023, doi:10.1038/s41597-022-01721-8): a zip of NumPy arrays <c>{train,val,test}_images</c> uint8 [n, h, w, 3]
/// or [n, h, w] and <c>{train,val,test}_labels</c> [n, 1]. Any of the three subsets may be absent, and labels may be too.
/// </summary>
internal static class MedMnist
{
    private static readonly string[] Subsets = ["train", "val", "test"];

    /// <summary>Reads the subsets in the file and resizes the images with the interpolation of <see cref="LesionImage"/>.</summary>
    /// <exception cref="DataSetException">The file is damaged, or is not DermaMNIST.</exception>
    public static LesionDataSet Read(string path, int size)
    {
        try
        {
            using ZipArchive archive = ZipFile.OpenRead(path);
            List<LesionRecord> records = [];
            List<Tensor> pixels = [];
            foreach (string subset in Subsets)
            {
                if (Load(archive, $"{subset}_images", path) is { } images)
                {
                    pixels.Add(Resize(images, size, $"{path}: {subset}_images"));
                    AddRecords(records, images, Load(archive, $"{subset}_labels", path), subset, path);
                }
            }

            if (records.Count == 0)
            {
                throw new DataSetException($"{path} holds none of train_images, val_images and test_images: it is not in MedMNIST's format.");
            }

            Tensor all = cat(pixels, 0);
            pixels.ForEach(p => p.Dispose());
            return new(Path.GetFileNameWithoutExtension(path), records, all);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new DataSetException($"{path} cannot be read as a .npz (a zip of NumPy arrays): {e.Message} Download it again.", e);
        }
    }

    private static NpyArray? Load(ZipArchive archive, string name, string path)
    {
        if (archive.GetEntry(name + ".npy") is not { } entry)
        {
            return null;
        }

        using Stream stream = entry.Open();
        return NpyArray.Read(stream, $"{path}: {name}");
    }

    private static void AddRecords(List<LesionRecord> records, NpyArray images, NpyArray? labels, string subset, string path)
    {
        int count = images.Shape[0];
        if (labels is not null && (labels.Shape.Count == 0 || labels.Shape[0] != count || (labels.Shape.Count > 1 && labels.Shape[1] != 1)))
        {
            throw new DataSetException($"{path}: {subset}_labels is [{string.Join(", ", labels.Shape)}], but there are {count} {subset}_images; one label an "
                + "image is needed.");
        }

        string stratum = images.Shape[1] == images.Shape[2] ? $"{images.Shape[1]}" : $"{images.Shape[2]}x{images.Shape[1]}";
        for (int i = 0; i < count; i++)
        {
            long label = labels?[i] ?? -1;
            if (labels is not null && (label < 0 || label >= LesionClasses.Count))
            {
                throw new DataSetException($"{path}: the label {label} of image {i} of {subset}_images is not one of 0 to {LesionClasses.Count - 1} "
                    + $"({string.Join(", ", LesionClasses.Codes)}).");
            }

            records.Add(new($"{subset}{i:D6}", (int)label, Lesion: null, stratum, subset));
        }
    }

    private static Tensor Resize(NpyArray images, int size, string name)
    {
        bool gray = images.Shape.Count == 3;
        if (images.Type != "|u1" || !(gray || (images.Shape.Count == 4 && images.Shape[3] == 3)))
        {
            throw new DataSetException($"{name} is {images.Type} [{string.Join(", ", images.Shape)}]; uint8 [n, h, w, 3] or [n, h, w] is needed.");
        }

        int count = images.Shape[0], height = images.Shape[1], width = images.Shape[2], stride = height * width * (gray ? 1 : 3);
        Tensor pixels = empty([count, size, size, 3], dtype: ScalarType.Byte);
        Parallel.For(0, count, i =>
        {
            byte[] rgb = new byte[height * width * 3];
            ReadOnlySpan<byte> source = images.Data.AsSpan(i * stride, stride);
            if (gray)
            {
                for (int p = 0; p < source.Length; p++)
                {
                    rgb.AsSpan(p * 3, 3).Fill(source[p]);
                }
            }
            else
            {
                source.CopyTo(rgb);
            }

            using Tensor row = pixels[i];
            (width == size && height == size ? rgb : LesionImage.Resize(rgb, width, height, size)).CopyTo(row.bytes);
        });
        return pixels;
    }
}
