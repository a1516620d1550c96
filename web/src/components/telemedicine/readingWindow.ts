/** Which rows of a long timeline are in the document, and where the reader stands in them. */
import { type Signal } from "@preact/signals"
import { type RefObject } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { isOthers, type Row } from "./timeline"

const step = 60
const most = 240
/** Within this many pixels of an end the reader is at it, or close enough to fetch more. */
const close = 48
const near = 600

/** `first` undefined: the latest rows, and stay at the end. */
interface Range {
  first: string | undefined
  size: number
}

interface Place {
  key: string
  top: number
}

interface Reading {
  scroller: RefObject<HTMLDivElement | null>
  shown: readonly Row[]
  /** Messages of others that came since the reader left the end. */
  hidden: number
  toLatest: () => void
  /** Brings a row into the upper part of what is seen; false when there is no such row. */
  show: (key: string) => boolean
}

const latest: Range = { first: undefined, size: 2 * step }

export function bounds(range: Range, rows: readonly Row[]): { start: number; end: number } {
  const found = range.first === undefined ? -1 : rows.findIndex(({ key }) => key === range.first)
  const start = found >= 0 ? found : Math.max(0, rows.length - range.size)
  return { start, end: Math.min(rows.length, start + range.size) }
}

/** The window moved so that there is more of what the reader scrolls towards; the same one if there is not. */
export function moved(range: Range, rows: readonly Row[], up: boolean): Range {
  const { start, end } = bounds(range, rows)
  if (up ? start === 0 : end === rows.length) return range
  const from = up ? Math.max(0, start - step) : start
  const to = up ? end : Math.min(rows.length, end + step)
  const trimmed = up ? from : Math.max(from, to - most)
  return { first: rows[trimmed]?.key, size: Math.min(most, to - trimmed) }
}

/** The first row in sight, and how far it is from the top. */
function placeOf(scroller: HTMLElement): Place | undefined {
  const top = scroller.getBoundingClientRect().top
  for (const row of scroller.querySelectorAll<HTMLElement>("[data-row]")) {
    const box = row.getBoundingClientRect()
    if (box.bottom > top && row.dataset["row"]) return { key: row.dataset["row"], top: box.top - top }
  }
  return undefined
}

function restore(scroller: HTMLElement, place: Place): void {
  const row = scroller.querySelector(`[data-row="${CSS.escape(place.key)}"]`)
  if (row) scroller.scrollTop += row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - place.top
}

export function useReadingWindow(rows: readonly Row[], active: boolean, atEnd: Signal<boolean>): Reading {
  const scroller = useRef<HTMLDivElement>(null)
  const place = useRef<Place | undefined>(undefined)
  const leftAt = useRef<string | undefined>(undefined)
  const begun = useRef(false)
  const size = useRef("")
  const [range, setRange] = useState(latest)
  const { start, end } = bounds(range, rows)

  const settle = (): void => {
    const box = scroller.current
    if (!box || box.clientHeight === 0) return
    size.current = sizeOf(box)
    if (atEnd.peek()) box.scrollTop = box.scrollHeight
    else if (place.current) restore(box, place.current)
  }

  useLayoutEffect(() => {
    const box = scroller.current
    if (!begun.current && box && rows.length > 0 && box.clientHeight > 0) {
      begun.current = true
      beginAtNewLine(box, atEnd, place)
    }
    // Who is put to the end from outside, by sending something, sees the latest rows again.
    if (atEnd.peek() && range.first !== undefined) setRange(latest)
    settle()
  }, [rows, range, active, atEnd.value])

  useEffect(() => {
    const box = scroller.current
    if (!box) return
    const observer = new ResizeObserver(settle)
    observer.observe(box)
    if (box.firstElementChild) observer.observe(box.firstElementChild)
    return () => observer.disconnect()
  }, [])

  // Before the scroll event of what was just laid out, which must be judged by the rows of now.
  useLayoutEffect(() => {
    const box = scroller.current
    if (!box) return
    const onScroll = (): void => {
      if (box.clientHeight === 0) return
      // The page has changed under who is at the end: nobody scrolled away.
      if (atEnd.peek() && size.current !== sizeOf(box)) {
        settle()
        return
      }
      const below = box.scrollHeight - box.scrollTop - box.clientHeight
      const now = below < close && end === rows.length
      if (atEnd.peek() && !now) leftAt.current = rows.at(-1)?.key
      if (!now) place.current = placeOf(box)
      if (now && !atEnd.peek()) setRange(latest)
      if (!now && atEnd.peek()) setRange({ first: rows[start]?.key, size: end - start })
      atEnd.value = now
      if (now) return
      if (box.scrollTop < near) setRange((before) => moved(before, rows, true))
      else if (below < near) setRange((before) => moved(before, rows, false))
    }
    box.addEventListener("scroll", onScroll, { passive: true })
    return () => box.removeEventListener("scroll", onScroll)
  }, [rows, start, end])

  const toLatest = (): void => {
    atEnd.value = true
    setRange({ ...latest })
  }
  const show = (key: string): boolean => {
    const at = rows.findIndex((row) => row.key === key)
    const box = scroller.current
    if (at < 0 || !box) return false
    if (atEnd.peek()) leftAt.current = rows.at(-1)?.key
    atEnd.value = false
    place.current = { key, top: box.clientHeight / 3 }
    setRange({ first: rows[Math.max(0, at - step)]?.key, size: 2 * step })
    return true
  }
  return { scroller, shown: rows.slice(start, end), hidden: newSince(rows, leftAt.current), toLatest, show }
}

const sizeOf = (box: HTMLElement): string => `${box.clientHeight} ${box.scrollHeight}`

function newSince(rows: readonly Row[], key: string | undefined): number {
  const from = key === undefined ? rows.length : rows.findLastIndex((row) => row.key === key) + 1
  return rows.slice(from).filter((row) => row.kind === "message" && isOthers(row.item)).length
}

/** A reader who comes back begins at what is new, not below it. */
function beginAtNewLine(box: HTMLElement, atEnd: Signal<boolean>, place: RefObject<Place | undefined>): void {
  const line = box.querySelector<HTMLElement>('[data-row="new"]')
  if (!line) return
  const fromEnd = box.scrollHeight - line.offsetTop
  if (fromEnd <= box.clientHeight) return
  atEnd.value = false
  place.current = { key: "new", top: 0 }
}
