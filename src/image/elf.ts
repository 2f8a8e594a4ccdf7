/** Enough of elf(5) to tell a static executable from one that needs a loader. Pure. */

const PT_INTERP = 3;

interface Layout {
  entrySize: number;
  read(view: DataView, little: boolean): { offset: number; size: number; count: number };
}

const LAYOUT: Record<number, Layout> = {
  1: {
    entrySize: 32,
    read: (view, little) => ({
      offset: view.getUint32(28, little),
      size: view.getUint16(42, little),
      count: view.getUint16(44, little),
    }),
  },
  2: {
    entrySize: 56,
    read: (view, little) => ({
      offset: Number(view.getBigUint64(32, little)),
      size: view.getUint16(54, little),
      count: view.getUint16(56, little),
    }),
  },
};

/**
 * True for an executable whose program headers name no interpreter, false for one that names one, undefined for what is
 * no ELF file or has its program headers beyond `bytes`, the file's beginning.
 */
export function isStaticElf(bytes: Uint8Array): boolean | undefined {
  if (bytes.length < 64 || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== '\x7fELF') return undefined;
  const layout = LAYOUT[bytes[4] ?? 0];
  if (layout === undefined) return undefined;
  const little = bytes[5] === 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { offset, size, count } = layout.read(view, little);
  if (count === 0 || size < layout.entrySize || offset + size * count > bytes.length) return undefined;
  for (let i = 0; i < count; i += 1) {
    if (view.getUint32(offset + i * size, little) === PT_INTERP) return false;
  }
  return true;
}
