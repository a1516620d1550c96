/** Dates, lengths and sizes in the person's language. */
import { locale, number, t } from "./index"

const formats = new Map<string, Intl.DateTimeFormat>()

function dateFormat(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale.value} ${name}`
  let format = formats.get(key)
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(locale.value, options)))
  return format
}

/** Hours and minutes. */
export const timeOfDay = (at: number): string => dateFormat("time", { timeStyle: "short" }).format(at)

/** Day and time in full, for titles and records. */
export const fullTime = (at: number): string => dateFormat("full", { dateStyle: "full", timeStyle: "short" }).format(at)

/** Day in full, for records. */
export const dayInFull = (at: number): string => dateFormat("dayFull", { dateStyle: "full" }).format(at)

/** Number of the local day, for comparing. */
export function dayOf(at: number): number {
  const date = new Date(at)
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000
}

/** Today, Yesterday, or the date. */
export function dayName(at: number, now: number): string {
  const away = dayOf(now) - dayOf(at)
  if (away === 0) return t("chat.today")
  if (away === 1) return t("chat.yesterday")
  return dateFormat("day", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(at)
}

/** The time on the same day, else a short date. */
export function shortWhen(at: number, now: number): string {
  return dayOf(at) === dayOf(now) ? timeOfDay(at) : dateFormat("short", { day: "numeric", month: "short" }).format(at)
}

/** "Today, 14:30", "Tomorrow, 9:00", "Tue, 3 Dec, 9:00"; with the year where it is another. */
export function dayAndTime(at: number, now: number): string {
  return t("time.dayAndTime", { day: dayNear(at, now), time: timeOfDay(at) })
}

function dayNear(at: number, now: number): string {
  const away = dayOf(at) - dayOf(now)
  if (Math.abs(away) <= 1) {
    const word = new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" }).format(away, "day")
    return word.charAt(0).toLocaleUpperCase(locale.value) + word.slice(1)
  }
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  const day = { weekday: "short", day: "numeric", month: "short" } as const
  return sameYear ? dateFormat("near", day).format(at) : dateFormat("far", { ...day, year: "numeric" }).format(at)
}

/** 1 234 567 bytes as 1.2 MB; decimal units, as disks are sold. */
export function bytes(size: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const
  const step = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3))
  const value = size / 1000 ** step
  return new Intl.NumberFormat(locale.value, {
    style: "unit",
    unit: units[step] ?? "byte",
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value)
}

/** A length of time in its one or two largest units, in words. */
export function length(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  if (hours > 0) return together(unit(hours, "hour"), minutes > 0 && unit(minutes, "minute"))
  if (minutes >= 5) return unit(minutes, "minute")
  const left = whole % 60
  if (minutes === 0) return unit(left, "second")
  return together(unit(minutes, "minute"), left > 0 && unit(left, "second"))
}

/** "15 min", as the language writes it. */
export const shortMinutes = (minutes: number): string =>
  new Intl.NumberFormat(locale.value, { style: "unit", unit: "minute", unitDisplay: "short" }).format(minutes)

const unit = (value: number, name: "hour" | "minute" | "second"): string =>
  new Intl.NumberFormat(locale.value, { style: "unit", unit: name, unitDisplay: "long" }).format(value)

/** "30 days" */
export const days = (count: number): string =>
  new Intl.NumberFormat(locale.value, { style: "unit", unit: "day", unitDisplay: "long" }).format(count)

const together = (large: string, small: string | false): string =>
  new Intl.ListFormat(locale.value, { type: "unit", style: "narrow" }).format(small ? [large, small] : [large])

/** "in 12 minutes", "3 hours ago": seconds from now, in whole minutes or hours. */
export function until(seconds: number): string {
  const minutes = Math.sign(seconds) * Math.max(1, Math.round(Math.abs(seconds) / 60))
  const format = new Intl.RelativeTimeFormat(locale.value)
  return Math.abs(minutes) < 60 ? format.format(minutes, "minute") : format.format(Math.round(minutes / 60), "hour")
}

/** A running clock: 4:07, 1:02:09. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const pair = new Intl.NumberFormat(locale.value, { minimumIntegerDigits: 2 })
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const parts = hours > 0 ? [number(hours), pair.format(minutes)] : [number(minutes)]
  return [...parts, pair.format(whole % 60)].join(":")
}

/** "Ann, Ben and Cy" as the language writes it. */
export const names = (list: readonly string[]): string =>
  new Intl.ListFormat(locale.value, { type: "conjunction" }).format(list)

/** Bits a second as 1.2 Mbit/s. */
export function bitrate(bits: number): string {
  const unit = bits < 1_000_000 ? "kilobit" : "megabit"
  const value = bits / (unit === "kilobit" ? 1000 : 1_000_000)
  const options = { style: "unit", unit: `${unit}-per-second`, maximumSignificantDigits: 2 } as const
  return new Intl.NumberFormat(locale.value, options).format(value)
}

export const milliseconds = (length: number): string =>
  new Intl.NumberFormat(locale.value, { style: "unit", unit: "millisecond", maximumFractionDigits: 0 }).format(length)

/** 0 to 1 in per cent. */
export const share = (part: number): string =>
  new Intl.NumberFormat(locale.value, { style: "percent", maximumFractionDigits: 1 }).format(part)
