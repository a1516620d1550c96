import { type ComponentChildren, type JSX } from "preact"
import { type Args, type Key, number, pieces } from "./index"

type Props<K extends Key> = { k: K } & (Args<K, ComponentChildren> extends [infer P] ? P : unknown)

/** A text as elements, each value isolated, so that a name in another script does not turn the sentence around. */
export function Words<K extends Key>(props: Props<K>): JSX.Element {
  return <AnyWords k={props.k} values={props as Readonly<Record<string, ComponentChildren>>} />
}

/** For keys that are chosen at run time; `Words` is checked more closely. */
export function AnyWords({ k, values }: { k: Key; values: Readonly<Record<string, ComponentChildren>> }): JSX.Element {
  return (
    <>
      {pieces(k, values["count"]).map((piece) =>
        typeof piece === "string" ? piece : <bdi key={piece.name}>{written(values[piece.name])}</bdi>,
      )}
    </>
  )
}

const written = (value: ComponentChildren): ComponentChildren => (typeof value === "number" ? number(value) : value)
