namespace Lentigo.Training.Data;

/// <summary>Recognizes the format of a data set and reads it.</summary>
internal static class DataSets
{
    /// <summary>Reads a data set.</summary>
    /// <param name="path">
    /// A folder of images (see <see cref="DataSetFiles.List"/>) or a MedMNIST <c>.npz</c> file.
    /// </param>
    /// <param name="size">The side in pixels to which the images are resized.</param>
    /// <param name="skipMissing">Whether to skip images that the CSV lists but that are not on disk, instead of failing.</param>
    /// <param name="warn">Receives warnings about what was left out.</param>
    /// <param name="cache">The cache of decoded images; null for none.</param>
    /// <param name="progress">Receives the number of decoded files.</param>
    /// <param name="table">The CSV that labels the images, if it is elsewhere; null to look in the folder.</param>
    /// <param name="format">The format, if the folder can be read in several ways (<see cref="DataSetFiles.FormatNames"/>); null to detect it.</param>
    /// <param name="cancellationToken">Stops decoding.</param>
    /// <exception cref="DataSetException">There is no such data set, or it is damaged.</exception>
    public static LesionDataSet Open(
        string path, int size, bool skipMissing, Action<string> warn, PixelCache? cache = null, IProgress<(long Done, long? Total)>? progress = null,
        string? table = null, string? format = null, CancellationToken cancellationToken = default)
    {
        if (IsNpz(path))
        {
            LesionDataSet arrays = MedMnist.Read(path, size);
            return new(arrays.Name, arrays.Records, arrays.Pixels) { ReadForComparison = () => MedMnist.Read(path, PictureCopies.Size) };
        }

        DataSetFiles files = DataSetFiles.List(path, table, format);
        files.Notes.ToList().ForEach(warn);
        if (files.Missing.Count > 0)
        {
            string what = $"{files.Missing.Count} of the {files.Missing.Count + files.Images.Count} images in {string.Join(", ", files.Tables)} are not on "
                + $"disk (the first: {string.Join(", ", files.Missing.Take(5))})";
            if (!skipMissing)
            {
                throw new DataSetException($"{what}. Put every image folder of the data set (HAM10000_images_part_*) beside the CSV, or leave them out with "
                    + "--skip-missing.");
            }

            warn($"{what}; they are left out.");
        }

        if (files.Unlisted > 0)
        {
            warn($"{files.Unlisted} image files in {path} have no label "
                + $"({(files.Tables.Count > 0 ? $"they are not in {string.Join(", ", files.Tables)}" : "they are in no class's folder")}); they are left out.");
        }

        DecodedImages decoded = DecodedImages.Load(files.Images, size, cache, warn, progress, cancellationToken);
        if (decoded.Unreadable.Count > 0)
        {
            decoded.Pixels.Dispose();
            throw new DataSetException(
                $"{decoded.Unreadable.Count} images cannot be decoded: "
                    + $"{string.Join("; ", decoded.Unreadable.Take(5).Select(u => $"{files.Images[u.Index].Path} ({u.Reason})"))}. "
                + "Replace the files, or take them out of the data set.");
        }

        return decoded.ToDataSet(files,
            () => DecodedImages.Load(files.Images, PictureCopies.Size, cache, warn, progress: null, cancellationToken).ToDataSet(files));
    }

    /// <summary>Whether a path is an existing <c>.npz</c> file; false where it is an existing folder.</summary>
    /// <exception cref="DataSetException">It is neither.</exception>
    public static bool IsNpz(string path) =>
        Directory.Exists(path) ? false
        : !File.Exists(path) ? throw new DataSetException($"There is no data set at {path}: neither a folder nor a file. Check --data.")
        : Path.GetExtension(path).Equals(".npz", StringComparison.OrdinalIgnoreCase) ? true
        : throw new DataSetException($"{path} is a file, but not a MedMNIST .npz. Name a .npz file or a folder of images.");
}
