/** File systems by the type that statfs(2) gives. Pure. */

export const XFS = 0x58465342;

const NAMES: Record<number, string> = {
  [XFS]: 'XFS',
  61267: 'ext4',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  26985: 'NFS',
  2035054128: 'overlay',
  1702057286: 'FUSE',
  4283649346: 'CIFS',
  61680: 'eCryptfs',
};

/** `ext4`, for people. */
export function fileSystemName(type: number): string {
  return NAMES[type] ?? `a file system of type 0x${type.toString(16)}`;
}
