using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>Marks the need of one symbol version in a 64-bit little-endian ELF library as weak. Idempotent.</summary>
public sealed class WeakenLibstdcxxVersion : Task
{
    private const string Version = "GLIBCXX_3.4.32";
    private const uint SectionTypeVerneed = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 0x2;                    // VER_FLG_WEAK

    [Required]
    public string Library { get; set; }

    public override bool Execute()
    {
        byte[] elf = File.ReadAllBytes(Library);
        if (elf.Length < 64 || elf[0] != 0x7f || elf[1] != 'E' || elf[2] != 'L' || elf[3] != 'F' || elf[4] != 2 || elf[5] != 1)
        {
            return true; // not a 64-bit little-endian ELF file: another system's library
        }

        int sections = (int)BitConverter.ToUInt64(elf, 0x28);
        int sectionSize = BitConverter.ToUInt16(elf, 0x3a);
        int sectionCount = BitConverter.ToUInt16(elf, 0x3c);
        bool changed = false;
        for (int i = 0; i < sectionCount; i++)
        {
            int header = sections + i * sectionSize;
            if (BitConverter.ToUInt32(elf, header + 4) != SectionTypeVerneed)
            {
                continue;
            }

            int strings = sections + (int)BitConverter.ToUInt32(elf, header + 0x28) * sectionSize;
            int stringTable = (int)BitConverter.ToUInt64(elf, strings + 0x18);
            int need = (int)BitConverter.ToUInt64(elf, header + 0x18);
            int needCount = (int)BitConverter.ToUInt32(elf, header + 0x2c);
            for (int n = 0; n < needCount; n++)
            {
                int auxCount = BitConverter.ToUInt16(elf, need + 2);
                int aux = need + (int)BitConverter.ToUInt32(elf, need + 8);
                for (int a = 0; a < auxCount; a++)
                {
                    ushort flags = BitConverter.ToUInt16(elf, aux + 4);
                    int name = stringTable + (int)BitConverter.ToUInt32(elf, aux + 8);
                    if (Encoding.ASCII.GetString(elf, name, Version.Length) == Version && elf[name + Version.Length] == 0 && (flags & Weak) == 0)
                    {
                        BitConverter.GetBytes((ushort)(flags | Weak)).CopyTo(elf, aux + 4);
                        changed = true;
                    }

                    aux += (int)BitConverter.ToUInt32(elf, aux + 12);
                }

                need += (int)BitConverter.ToUInt32(elf, need + 12);
            }
        }

        if (changed)
        {
            string patched = Library + ".patched";
            DateTime written = File.GetLastWriteTimeUtc(Library);
            File.WriteAllBytes(patched, elf);
            File.SetLastWriteTimeUtc(patched, written); // keeps the incremental copy from copying the original again
            File.Delete(Library);
            File.Move(patched, Library);
            Log.LogMessage(MessageImportance.Normal, "Made the need of {0} weak in {1}", Version, Library);
        }

        return true;
    }
}
