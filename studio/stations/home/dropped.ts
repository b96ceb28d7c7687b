// Files that were dropped, those in folders too, each with its path.

export interface Named {
  file: File;
  name: string;
}

export async function dropped(transfer: DataTransfer): Promise<Named[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.() ?? null);
  const found = await Promise.all(entries.flatMap((entry) => (entry ? [inside(entry, "")] : [])));
  const files = found.flat();
  return files.length ? files : Array.from(transfer.files, (file) => ({ file, name: file.name }));
}

async function inside(entry: FileSystemEntry, path: string): Promise<Named[]> {
  const name = path + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ file, name }];
  }
  const found: Named[] = [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A folder is read in portions until one is empty.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const one of some) found.push(...(await inside(one, `${name}/`)));
  }
}
