/** Waits until `check` holds, 10 seconds at most. What throws does not hold yet. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      if (await check()) return;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come about within 10 seconds: ${check}`);
}
