namespace Lentigo.OnnxExport;

/// <summary>A module that cannot be exported, or an ONNX file that is not what it should be. The message names it and says what to do.</summary>
public sealed class OnnxExportException(string message, Exception? inner = null) : Exception(message, inner);
