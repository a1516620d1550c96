const two = (n: number): string => String(n).padStart(2, "0")

/** "2026-03-09 14.05.12": sorts by time, and every file system takes it. */
export const safeMoment = (at: Date): string =>
  `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}.${two(at.getMinutes())}.${two(at.getSeconds())}`
