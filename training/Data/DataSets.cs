namespace Lentigo.Training.Data;

/// <summary>Recognises the format of a data set and reads it.</summary>
public static class DataSets
{
    /// <summary>Reads a data set.</summary>
    /// <param name="path">A HAM10000 folder (a metadata CSV, images beside it or in folders below) or a MedMNIST <c>.npz</c> file.</param>
    /// <param name="size">The side in pixels to which the images are brought.</param>
    /// <param name="skipMissing">Whether images of the CSV that are not on disk are left out instead of refused.</param>
    /// <param name="warn">Told what was left out.</param>
    /// <exception cref="DataSetException">There is no such data set, or it is damaged.</exception>
    public static LesionDataSet Open(string path, int size, bool skipMissing, Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (File.Exists(path))
        {
            return Path.GetExtension(path).Equals(".npz", StringComparison.OrdinalIgnoreCase)
                ? MedMnist.Read(path, size)
                : throw new DataSetException($"{path} is a file, but not a MedMNIST .npz. Name a .npz file or a folder that holds a metadata CSV.");
        }

        return Directory.Exists(path)
            ? Ham10000.Read(path, size, skipMissing, warn)
            : throw new DataSetException($"There is no data set at {path}: neither a folder nor a file. Check --data.");
    }
}
