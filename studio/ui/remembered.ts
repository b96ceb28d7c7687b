// Choices that outlive a visit. A browser that keeps nothing is no reason to fail.

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`pellucid.${name}`);
    else localStorage.setItem(`pellucid.${name}`, value);
  } catch {
    return;
  }
}

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`pellucid.${name}`);
  } catch {
    return null;
  }
}
