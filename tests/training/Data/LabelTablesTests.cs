using Lentigo.Core;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

/// <summary>Data sets as people have them on disk: complete downloads, tables from spreadsheets, folders from labeling tools.</summary>
public sealed class LabelTablesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_whole_dataverse_download_of_HAM10000_is_read_and_its_test_images_are_the_test_subset(bool testImages)
    {
        SyntheticLesions.WriteHam10000(_folder.Path, perClass: 2, size: 32);
        foreach (int i in Enumerable.Range(0, 14))
        {
            SyntheticLesions.WriteImage(_folder[$"HAM10000_segmentations_lesion_tschandl/ISIC_{i:D7}_segmentation.png"], 0, i, 32);
        }

        Write("ISIC2018_Task3_Test_GroundTruth.csv", "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset",
            "HAMTEST_0000000,ISIC_0034524,nv,follow_up,40.0,female,back,vidir_modern", "HAMTEST_0000001,ISIC_0034525,mel,histo,70.0,male,abdomen,rosendahl");
        Write("ISIC2018_Task3_Test_NatureMedicine_AI_Interaction_Benefit.csv", "image_id,prob_m_mal,user_dx_without_interaction_1", "ISIC_0034524,0.1,nv");
        if (testImages)
        {
            Image("ISIC2018_Task3_Test_Images/ISIC_0034524.jpg", 5);
            Image("ISIC2018_Task3_Test_Images/ISIC_0034525.jpg", 4);
        }

        DataSetFiles files = DataSetFiles.List(_folder.Path);
        Assert.Equal(("HAM10000", 0, 0), (files.Format, files.Missing.Count, files.Unlisted));
        Assert.Equal(testImages ? 16 : 14, files.Images.Count);
        Assert.Equal(testImages ? ["ISIC_0034524", "ISIC_0034525"] : [], files.Images.Where(i => i.Subset == "test").Select(i => i.Id));
        Assert.Equal(!testImages, files.Notes.Any(n => n.Contains("ISIC2018_Task3_Test_GroundTruth.csv", StringComparison.Ordinal)
            && n.Contains("not used", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_tables_say_of_patients_and_lesions_is_kept_by_image()
    {
        Image("a.jpg", 5);
        Image("b.jpg", 4);
        Image("c.jpg", 4);
        Write("ISIC_2019_Training_GroundTruth.csv", "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK", "a,0,1,0,0,0,0,0,0,0", "b,1,0,0,0,0,0,0,0,0",
            "c,1,0,0,0,0,0,0,0,0");
        Write("ISIC_2019_Training_Metadata.csv", "image,age_approx,anatom_site_general,lesion_id,sex", "a,55.0,Anterior Torso,L1,female", "b,,,L2,unknown");
        Dictionary<string, LesionAttributes?> read = DataSetFiles.List(_folder.Path).Images.ToDictionary(i => i.Id, i => i.Attributes);
        Assert.Equal(new LesionAttributes(55, "female", "anterior torso", null), read["a"]);
        Assert.Equal("45 to 59", read["a"]!.AgeGroup);
        Assert.Null(read["b"]);
        Assert.Null(read["c"]);
    }

    [Theory]
    [InlineData("29", "under 30")]
    [InlineData("30.0", "30 to 44")]
    [InlineData("75", "75 and over")]
    [InlineData("0", "under 30")]
    [InlineData("-1", null)]
    [InlineData("NaN", null)]
    [InlineData("unknown", null)]
    public void Ages_are_grouped(string age, string? group)
    {
        Image("a.jpg", 5);
        Write("HAM10000_metadata.csv", "lesion_id,image_id,dx,dx_type,age,sex,localization", $"L1,a,nv,histo,{age},male,back");
        LesionAttributes attributes = Assert.Single(DataSetFiles.List(_folder.Path).Images).Attributes!;
        Assert.Equal((group, "male", "back", "histo"), (attributes.AgeGroup, attributes.Sex, attributes.Site, attributes.Confirmation));
    }

    [Fact]
    public void A_folder_that_can_be_read_in_two_ways_is_refused_until_told_which()
    {
        SyntheticLesions.WriteHam10000(_folder.Path, perClass: 2, size: 32);
        Write("ISIC2018_Task3_Test_GroundTruth/ISIC2018_Task3_Test_GroundTruth.csv", "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC",
            "ISIC_0034524,0.0,1.0,0.0,0.0,0.0,0.0,0.0");
        Assert.Equal(14, DataSetFiles.List(_folder.Path).Images.Count); // the test images are not here: there is one way
        Image("ISIC2018_Task3_Test_Input/ISIC_0034524.jpg", 5);

        string refusal = Refusal();
        Assert.Contains("as HAM10000 (14 of its images, by HAM10000_metadata.csv) or as ISIC 2018 Task 3 (1 of its images, by "
            + "ISIC2018_Task3_Test_GroundTruth.csv)", refusal, StringComparison.Ordinal);
        Assert.Contains("--format ham10000 or --format isic2018", refusal, StringComparison.Ordinal);
        Assert.Equal(14, DataSetFiles.List(_folder.Path, format: "ham10000").Images.Count);
        Assert.Equal("ISIC_0034524", Assert.Single(DataSetFiles.List(_folder.Path, format: "isic2018").Images).Id);
        Assert.Contains("no table of the format milk10k", Refusal("milk10k"), StringComparison.Ordinal);
        Assert.Contains("There is no format 'coco'. Known: ham10000,", Refusal("coco"), StringComparison.Ordinal);
    }

    [Fact]
    public void Splits_and_classes_of_folders_are_known_in_the_spellings_of_labeling_tools()
    {
        string[] names = ["Actinic_Keratosis", "basal cell carcinoma", "pigmented benign keratosis", "DF", "Melanoma", "nevus", "4. Vascular lesions"];
        foreach ((int label, string name) in names.Index())
        {
            Image($"Train/{name}/a.jpg", label);
            Image($"valid/{name}/b.jpg", label, 1);
            Image($"TEST/{name}/c.jpg", label, 2);
        }

        Image("Train/squamous cell carcinoma/d.jpg", 0);
        Write("Train/Melanoma/._a.jpg", "what macOS leaves on other file systems");
        Image("Train/.ipynb_checkpoints/a-checkpoint.jpg", 1);
        Image("Train/Melanoma/.ipynb_checkpoints/a-checkpoint.jpg", 1);
        DataSetFiles files = DataSetFiles.List(_folder.Path);
        Assert.Equal((21, 0), (files.Images.Count, files.Unlisted));
        Assert.Equal([("test", 7), ("train", 7), ("val", 7)], files.Images.GroupBy(i => i.Subset!).Select(g => (g.Key, g.Count())).Order());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], files.Images.Where(i => i.Subset == "val").Select(i => i.Label).Order());
        Assert.Contains("1 images in Train/squamous cell carcinoma are left out", Assert.Single(files.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void ISIC_2019_is_read_with_its_lesions_and_without_its_carcinomas()
    {
        Write("ISIC_2019_Training_GroundTruth.csv", "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK",
            "ISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0", "ISIC_0000001_downsampled,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
                "ISIC_0000002,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,0.0", "ISIC_0000003,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0");
        Write("ISIC_2019_Training_Metadata.csv", "image,age_approx,anatom_site_general,lesion_id,sex",
            "ISIC_0000000,55.0,anterior torso,,female", "ISIC_0000001_downsampled,30.0,upper extremity,MSK4_0011169,female",
                "ISIC_0000002,60.0,head/neck,BCN_0003884,male", "ISIC_0000003,60.0,head/neck,BCN_0003885,male");
        Images("ISIC_2019_Training_Input", "ISIC_0000000", "ISIC_0000001_downsampled", "ISIC_0000002", "ISIC_0000003");
        DataSetFiles files = Expect("ISIC 2019", ("ISIC_0000000", "nv", null), ("ISIC_0000001_downsampled", "mel", "MSK4_0011169"),
            ("ISIC_0000002", "akiec", "BCN_0003884"));
        Assert.Equal(0, files.Unlisted);
        Assert.Contains("1 images are left out because they show none of the seven classes or are not dermoscopy: SCC 1", Assert.Single(files.Notes),
            StringComparison.Ordinal);
    }

    [Fact]
    public void ISIC_2020_is_read_by_its_diagnoses_and_its_target()
    {
        Write("train.csv", "image_name,patient_id,lesion_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target",
            "ISIC_2637011,IP_7279968,IL_7972535,male,45.0,head/neck,unknown,benign,0",
            "ISIC_0015719,IP_3075186,IL_4649854,female,45.0,upper extremity,nevus,benign,0",
            "ISIC_0052212,IP_2842074,,female,50.0,lower extremity,melanoma,malignant,1",
            "ISIC_0068279,IP_6890425,IL_1,female,45.0,head/neck,lentigo NOS,benign,0", "ISIC_0074268,IP_8723313,IL_2,female,55.0,upper extremity,,malignant,1",
                "ISIC_0074311,IP_2950485,IL_3,female,40.0,lower extremity,lichenoid keratosis,benign,0");
        Images("train", "ISIC_2637011", "ISIC_0015719", "ISIC_0052212", "ISIC_0068279", "ISIC_0074268", "ISIC_0074311");
        DataSetFiles files = Expect("ISIC 2020", ("ISIC_0015719", "nv", "IL_4649854"), ("ISIC_0052212", "mel", null), ("ISIC_0074268", "mel", "IL_2"),
            ("ISIC_0074311", "bkl", "IL_3"));
        Assert.Contains("unknown 1, lentigo NOS 1", Assert.Single(files.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void The_ISIC_archives_metadata_are_read_by_their_most_specific_diagnosis_and_only_dermoscopy_is_kept()
    {
        Write("metadata.csv", "isic_id,attribution,copyright_license,age_approx,anatom_site_general,diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_4,diagnosis_5,image_type,lesion_id,sex",
            "ISIC_1,Anonymous,CC-0,85,head/neck,Malignant,Malignant epidermal proliferations,\"Squamous cell carcinoma, Invasive\",,,dermoscopic,IL_1,male",
            "ISIC_2,Anonymous,CC-0,85,head/neck,Malignant,Malignant melanocytic proliferations (Melanoma),Melanoma in situ,\"Melanoma in situ, lentigo maligna "
                + "type\",,dermoscopic,IL_2,male",
            "ISIC_3,Anonymous,CC-0,30,head/neck,Benign,Benign melanocytic proliferations,Nevus,\"Nevus, Atypical, Dysplastic, or Clark\",,dermoscopic,IL_3,male",
            "ISIC_4,Anonymous,CC-0,30,head/neck,Benign,Benign melanocytic proliferations,Nevus,,,clinical: close-up,IL_3,male",
            "ISIC_5,Anonymous,CC-0,30,head/neck,Malignant,Malignant melanocytic proliferations (Melanoma),Melanoma metastasis,,,dermoscopic,IL_5,male",
            "ISIC_6,Anonymous,CC-0,30,head/neck,Indeterminate,Indeterminate epidermal proliferations,Solar or actinic keratosis,,,dermoscopic,IL_6,male",
            "ISIC_7,Anonymous,CC-0,30,head/neck,Benign,Benign soft tissue proliferations - Vascular,Hemangioma,\"Hemangioma, Hobnail\",,dermoscopic,IL_7,male",
            "ISIC_8,Anonymous,CC-0,30,head/neck,,,,,,dermoscopic,IL_8,male");
        Images("images", "ISIC_1", "ISIC_2", "ISIC_3", "ISIC_4", "ISIC_5", "ISIC_6", "ISIC_7", "ISIC_8");
        DataSetFiles files = Expect("ISIC archive", ("ISIC_2", "mel", "IL_2"), ("ISIC_3", "nv", "IL_3"), ("ISIC_6", "akiec", "IL_6"),
            ("ISIC_7", "vasc", "IL_7"));
        string note = Assert.Single(files.Notes);
        Assert.All(new[] { "4 images are left out", "Squamous cell carcinoma, Invasive 1", "clinical: close-up 1", "Melanoma metastasis 1", "no diagnosis 1" },
            part => Assert.Contains(part, note, StringComparison.Ordinal));
    }

    [Fact]
    public void BCN20000_is_read_with_the_extensions_in_its_table()
    {
        Write("bcn_20k_train.csv", "bcn_filename,age_approx,anatom_site_general,diagnosis,lesion_id,capture_date,sex,split",
            "BCN_0000000001.jpg,55.0,anterior torso,MEL,BCN_0003884,2012-05-16,male,train",
                "BCN_0000000002.jpg,55.0,anterior torso,AK,BCN_0003885,2012-05-16,male,train",
                "BCN_0000000003.jpg,55.0,anterior torso,SCC,BCN_0003886,2012-05-16,male,train");
        Images("BCN_20k_train", "BCN_0000000001", "BCN_0000000002", "BCN_0000000003");
        DataSetFiles files = Expect("BCN20000", ("BCN_0000000001", "mel", "BCN_0003884"), ("BCN_0000000002", "akiec", "BCN_0003885"));
        Assert.All(files.Images, i => Assert.Equal("train", i.Subset));
    }

    [Fact]
    public void MILK10k_is_read_by_lesion_and_its_clinical_photographs_are_left_out()
    {
        const string header = "lesion_id,AKIEC,BCC,BEN_OTH,BKL,DF,INF,MAL_OTH,MEL,NV,SCCKA,VASC";
        Write("MILK10k_Training_GroundTruth.csv", header, "IL_1,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
            "IL_2,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,0.0");
        Assert.Contains("Put MILK10k_Training_Metadata.csv", Refusal(), StringComparison.Ordinal);
        Write("MILK10k_Training_Metadata.csv", "lesion_id,image_type,isic_id,attribution,age_approx,sex",
            "IL_1,clinical: close-up,ISIC_11,MILK study team,65,male", "IL_1,dermoscopic,ISIC_12,MILK study team,65,male",
                "IL_2,clinical: close-up,ISIC_21,MILK study team,65,male", "IL_2,dermoscopic,ISIC_22,MILK study team,65,male");
        Image("MILK10k_Training_Input/IL_1/ISIC_11.jpg", 1);
        Image("MILK10k_Training_Input/IL_1/ISIC_12.jpg", 1);
        Image("MILK10k_Training_Input/IL_2/ISIC_21.jpg", 1);
        Image("MILK10k_Training_Input/IL_2/ISIC_22.jpg", 1);
        DataSetFiles files = Expect("MILK10k", ("ISIC_12", "bcc", "IL_1"));
        Assert.Contains("clinical: close-up 2, SCCKA 1", Assert.Single(files.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Image_ID;DX;Lesion_ID", "part1\\ISIC_1.JPG;mel;L1", "part2/ISIC_2.jpg;nv;L2")]
    [InlineData("image_id\tdx\tlesion_id", "./ISIC_1.jpg\tmel\tL1", "C:\\data\\part2\\ISIC_2.png\tnv\tL2")]
    [InlineData("\uFEFF\"lesion_id\",\"image_id\",\"dx\"", "L1,ISIC_1,MEL", "L2,ISIC_2.jpeg,nv")]
    public void Names_of_images_may_have_folders_and_extensions_and_tables_any_delimiter_and_case(params string[] lines)
    {
        Write("HAM10000_metadata.csv", lines);
        Images("part1", "ISIC_1");
        Images("part2", "ISIC_2");
        Expect("HAM10000", ("ISIC_1", "mel", "L1"), ("ISIC_2", "nv", "L2"));
    }

    [Fact]
    public void Numbers_of_a_spreadsheet_may_have_commas()
    {
        Write("truth.csv", "image;MEL;NV;BCC;AKIEC;BKL;DF;VASC", "a;0,0;1,0;0,0;0,0;0,0;0,0;0,0");
        Images("images", "a");
        Expect("ISIC 2018 Task 3", ("a", "nv", null));
    }

    [Fact]
    public void Images_of_one_name_in_two_folders_are_told_apart_by_the_table()
    {
        Write("table.csv", "image_id,dx", "mel/1.jpg,mel", "nv/1.jpg,nv", "2.jpg,nv");
        Image("mel/1.jpg", 4);
        Image("nv/1.jpg", 5);
        Image("mel/2.jpg", 5);
        Image("nv/2.jpg", 5);
        DataSetFiles files = DataSetFiles.List(_folder.Path);
        Assert.Equal([("mel/1", "mel/1.jpg", 4), ("nv/1", "nv/1.jpg", 5), ("2", "mel/2.jpg", 5)],
            files.Images.Select(i => (i.Id, Path.GetRelativePath(_folder.Path, i.Path), i.Label)));
        Assert.Contains(files.Notes, n => n.StartsWith("1 images have several files of the same name (mel/2.jpg and nv/2.jpg)", StringComparison.Ordinal));
        Assert.Contains(files.Notes, n => n.Contains("named like classes are ignored", StringComparison.Ordinal));
        Assert.Equal("a folder for each class", DataSetFiles.List(_folder.Path, format: ClassFolders.FormatName).Format);
    }

    [Fact]
    public void Two_tables_are_read_as_one_unless_they_contradict_each_other()
    {
        Write("metadata_a.csv", "image_id,dx,lesion_id", "1,mel,A", "2,nv,B");
        Write("metadata_b.csv", "image_id,dx,lesion_id", "2,nv,B", "3,bkl,C");
        Images("images", "1", "2", "3");
        Expect("HAM10000", ("1", "mel", "A"), ("2", "nv", "B"), ("3", "bkl", "C"));
        Write("metadata_b.csv", "image_id,dx,lesion_id", "2,mel,B", "3,bkl,C");
        Assert.Contains("metadata_a.csv and metadata_b.csv label the image 2 differently. Choose a table with folder=table.csv", Refusal(),
            StringComparison.Ordinal);
        Assert.Equal(2, DataSetFiles.List(_folder.Path, _folder["metadata_b.csv"]).Images.Count);
    }

    [Fact]
    public void A_folder_without_a_table_that_labels_images_is_refused_with_what_was_found()
    {
        Write("labels.csv", "file;finding", "a.jpg;mole");
        Images("images", "a");
        Assert.Contains("labels.csv has the columns file, finding", Refusal(), StringComparison.Ordinal);
        Assert.Contains("it has the columns file, finding",
            Assert.Throws<DataSetException>(() => DataSetFiles.List(_folder.Path, _folder["labels.csv"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_of_diagnoses_in_the_README_is_that_of_the_code()
    {
        string readme = File.ReadAllText(Path.Combine(RepositoryRoot(), "training", "README.md"));
        foreach ((string code, IReadOnlyList<string> names) in Diagnoses.Classes)
        {
            Assert.Contains($"| `{code}` | {string.Join("; ", names)} |\n", readme, StringComparison.Ordinal);
            Assert.All(names, n => Assert.Equal(LesionClasses.IndexOf(code), Diagnoses.Find(n)));
        }

        Assert.Contains($"| left out | {string.Join("; ", Diagnoses.Others)} |\n", readme, StringComparison.Ordinal);
        Assert.All(Diagnoses.Others, n => Assert.Equal(Diagnoses.LeftOut, Diagnoses.Find(n)));
        Assert.Null(Diagnoses.Find("wart"));
    }

    private static string RepositoryRoot([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(path, "..", "..", "..", ".."));

    private void Write(string name, params string[] lines)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        File.WriteAllLines(_folder[name], lines);
    }

    private void Image(string name, int label, int seed = 0) => SyntheticLesions.WriteImage(_folder[name], label, seed, 24);

    private void Images(string folder, params string[] names) => Array.ForEach(names, n => Image($"{folder}/{n}.jpg", 5));

    private string Refusal(string? format = null) => Assert.Throws<DataSetException>(() => DataSetFiles.List(_folder.Path, format: format)).Message;

    private DataSetFiles Expect(string format, params (string Id, string Code, string? Lesion)[] images)
    {
        DataSetFiles files = DataSetFiles.List(_folder.Path);
        Assert.Equal(format, files.Format);
        Assert.Equal(images, files.Images.Select(i => (i.Id, LesionClasses.Codes[i.Label], i.Lesion)));
        Assert.Empty(files.Missing);
        return files;
    }
}
