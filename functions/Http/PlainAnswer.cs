using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>Renders a response as an HTML page for browsers without JavaScript.</summary>
internal static class PlainAnswer
{
    /// <summary>The page of a prediction.</summary>
    public static IResult Of(Prediction prediction, PageTexts texts) => Page(texts, StatusCodes.Status200OK, Content(JsonSerializer.SerializeToElement(prediction, FunctionsJson.Default.Prediction), texts));

    /// <summary>The page of a problem, with the problem's HTTP status.</summary>
    public static IResult Of(Problem problem, PageTexts texts)
    {
        string key = $"error.{problem.Type.Split(':')[^1]}";
        (string title, string detail) = texts.OrNull(key) is { } words ? (texts[$"{key}.title"], words) : (problem.Title, problem.Detail);
        return Page(texts, problem.Status, $"<div class=\"card problem\"><h2>{Encode(title)}</h2><p>{Encode(detail)}</p></div>");
    }

    private static IResult Page(PageTexts texts, int status, string content) => Results.Text(
        Encoding.UTF8.GetString(PageFiles.Render("plain.html", texts, key => key switch
        {
            "lang" => texts.Language,
            "content" => content,
            _ => null,
        })),
        "text/html",
        Encoding.UTF8,
        status);

    /// <summary>Warnings, triage, classes, model: the members of the document in the order in which the page shows them.</summary>
    private static string Content(JsonElement answer, PageTexts texts)
    {
        StringBuilder html = new("<article class=\"card\">");
        if (answer.TryGetProperty("warnings", out JsonElement warnings) && warnings.GetArrayLength() > 0)
        {
            html.Append(Invariant($"<div class=\"warnings\"><h2>{Encode(texts["answer.warnings"])}</h2><ul>"));
            foreach (JsonElement warning in warnings.EnumerateArray())
            {
                string text = texts.OrNull($"warning.{warning.GetProperty("code").GetString()}") ?? warning.GetProperty("message").GetString() ?? "";
                html.Append(Invariant($"<li>{Encode(text)}</li>"));
            }

            html.Append("</ul></div>");
        }

        JsonElement label = answer.GetProperty("label");
        if (answer.TryGetProperty("triage", out JsonElement triage))
        {
            string recommendation = triage.GetProperty("recommendation").GetString() ?? "";
            html.Append(Invariant($"<div class=\"triage {Encode(recommendation)}\"><h2>{Encode(texts[$"triage.{recommendation}"])}: {Encode(texts[$"triage.{recommendation}.meaning"])}</h2>"))
                .Append(Invariant($"<p>{Encode(Malignancy(triage, texts))}</p></div>"));
        }

        html.Append(Invariant($"<p><strong>{Encode(texts["column.label"])}: {Encode(ClassName(label, texts))}</strong></p><h2>{Encode(texts["answer.classes"])}</h2><ol class=\"classes\">"));
        foreach (JsonElement one in answer.GetProperty("probabilities").EnumerateArray())
        {
            string code = one.GetProperty("code").GetString() ?? "";
            string kind = code switch
            {
                "akiec" => "premalignant",
                "bcc" or "mel" => "malignant",
                _ => "benign",
            };
            html.Append(Invariant($"<li class=\"{kind}\"><span class=\"name\">{Encode(ClassName(one, texts))} <span class=\"kind\">{Encode(texts[$"kind.{kind}"])}</span></span>"))
                .Append(Invariant($"<span class=\"percent\">{Encode(Percent(one.GetProperty("probability").GetDouble(), texts))}</span><span class=\"plain\">{Encode(texts[$"class.{code}.text"])}</span></li>"));
        }

        JsonElement model = answer.GetProperty("model");
        string version = Fill(texts["answer.model"], ("name", model.GetProperty("name").GetString()), ("version", model.GetProperty("version").GetString()));
        return html.Append(Invariant($"</ol><footer><p>{Encode(version)} · {Encode(Fill(texts["answer.id"], ("id", answer.GetProperty("id").GetString())))}</p>"))
            .Append(Invariant($"<p>{Encode(texts["answer.notice"])}</p></footer></article>")).ToString();
    }

    private static string ClassName(JsonElement one, PageTexts texts) =>
        texts.OrNull($"class.{one.GetProperty("code").GetString()}") ?? one.GetProperty("name").GetString() ?? "";

    /// <summary>The probability of malignancy, with its operating point if the model has one.</summary>
    private static string Malignancy(JsonElement triage, PageTexts texts)
    {
        double probability = triage.GetProperty("malignantProbability").GetDouble();
        if (!triage.TryGetProperty("operatingPoint", out JsonElement point) || point.ValueKind != JsonValueKind.Object)
        {
            return $"{texts["column.malignant"]}: {Percent(probability, texts)}";
        }

        double threshold = point.GetProperty("threshold").GetDouble();
        return Fill(
            texts[probability >= threshold ? "triage.malignant.above" : "triage.malignant.below"],
            ("percent", Percent(probability, texts)),
            ("sensitivity", Percent(point.GetProperty("sensitivity").GetDouble(), texts, "0")),
            ("threshold", Percent(threshold, texts)));
    }

    private static string Fill(string text, params (string Place, string? Value)[] values) =>
        values.Aggregate(text, (filled, v) => filled.Replace($"{{{v.Place}}}", v.Value, StringComparison.Ordinal));

    /// <summary>Formats a percentage. It does not use cultures, because servers may only have the invariant one.</summary>
    private static string Percent(double probability, PageTexts texts, string format = "0.0")
    {
        string number = (100 * Math.Max(probability, 0.001)).ToString(format, CultureInfo.InvariantCulture).Replace(".", texts["number.point"], StringComparison.Ordinal);
        return (probability < 0.0005 ? "<" : "") + Fill(texts["number.percent"], ("value", number));
    }

    private static string Encode(string? text) => WebUtility.HtmlEncode(text ?? "");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
