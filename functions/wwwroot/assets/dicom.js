// Takes out of a DICOM file (PS3.5, PS3.10) all but what describes and holds its pixels, so that nothing about a patient is sent.
const undefinedLength = 0xffffffff;
const item = 0xfffee000, itemEnd = 0xfffee00d, sequenceEnd = 0xfffee0dd, syntax = 0x00020010, pixels = 0x7fe00010;
const implicitSyntax = "1.2.840.10008.1.2", otherEncodings = ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]; // big-endian, deflated
const longLengths = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);

/** The file with its transfer syntax, the elements of group 0028 and the pixel data alone, as a Blob; null where it is not understood. */
export function pixelsAlone(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [new Uint8Array(128), bytes.subarray(128, 132)];
  let isExplicit = true;
  try {
    for (let at = 132; at < bytes.length;) {
      const tag = tagAt(view, at);
      const isMeta = tag >>> 16 === 0x0002;
      const { start, length } = headerAt(view, at, isMeta || isExplicit);
      const end = length === undefinedLength ? endOfSequence(view, start, isExplicit) : start + length;
      if (end > bytes.length) {
        return null;
      }

      if (tag === syntax) {
        const name = String.fromCharCode(...bytes.subarray(start, end)).replace(/[\0 ]+$/, "");
        isExplicit = name !== implicitSyntax;
        if (otherEncodings.includes(name)) {
          return null;
        }
      }

      if (tag === syntax || tag >>> 16 === 0x0028 || tag === pixels) {
        parts.push(bytes.subarray(at, end));
      }

      if (tag === pixels) {
        return new Blob(parts, { type: "application/dicom" });
      }

      at = end;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
  }

  return null;
}

const tagAt = (view, at) => (view.getUint16(at, true) << 16 | view.getUint16(at + 2, true)) >>> 0;

/** Where an element's value starts, and its length in bytes. */
function headerAt(view, at, isExplicit) {
  if (!isExplicit) {
    return { start: at + 8, length: view.getUint32(at + 4, true) };
  }

  const kind = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5));
  if (!/^[A-Z]{2}$/.test(kind)) {
    throw new RangeError("no value representation");
  }

  return longLengths.has(kind) ? { start: at + 12, length: view.getUint32(at + 8, true) } : { start: at + 8, length: view.getUint16(at + 6, true) };
}

/** Where a sequence of undefined length ends, or the fragments of compressed pixels. */
function endOfSequence(view, at, isExplicit) {
  for (;;) {
    const tag = tagAt(view, at), length = view.getUint32(at + 4, true);
    at += 8;
    if (tag === sequenceEnd) {
      return at;
    }

    if (tag !== item) {
      throw new RangeError("no item");
    }

    at = length === undefinedLength ? endOfItem(view, at, isExplicit) : at + length;
  }
}

function endOfItem(view, at, isExplicit) {
  while (tagAt(view, at) !== itemEnd) {
    const { start, length } = headerAt(view, at, isExplicit);
    at = length === undefinedLength ? endOfSequence(view, start, isExplicit) : start + length;
  }

  return at + 8;
}
