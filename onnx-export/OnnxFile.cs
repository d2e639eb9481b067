using Google.Protobuf;
using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>Reads and writes .onnx files.</summary>
internal static class OnnxFile
{
    /// <summary>The largest file that one message of Protocol Buffers can be.</summary>
    private const long Largest = int.MaxValue;

    /// <summary>Writes the file beside its place and moves it there when it is whole.</summary>
    /// <exception cref="OnnxExportException">The file cannot be written there.</exception>
    public static void Write(ModelProto model, string path)
    {
        if (model.CalculateSize() is < 0 or > (int)(Largest - 1))
        {
            throw new OnnxExportException($"{path}: the model is beyond 2 GB, more than one ONNX file can hold.");
        }

        string partial = $"{path}.{Environment.ProcessId}.partial";
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
            using (FileStream stream = File.Create(partial))
            {
                model.WriteTo(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(partial, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new OnnxExportException($"The model cannot be written to {path}: {e.Message} Choose a path that this user may write to.", e);
        }
        finally
        {
            if (File.Exists(partial))
            {
                File.Delete(partial);
            }
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="OnnxExportException">There is none, or it is no ONNX model.</exception>
    public static ModelProto Read(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            ModelProto model = ModelProto.Parser.ParseFrom(stream);
            return model.Graph is null ? throw new OnnxExportException($"{path} is no ONNX model: it has no graph.") : model;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new OnnxExportException($"{path} is no ONNX model, or not a whole one: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OnnxExportException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
