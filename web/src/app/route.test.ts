// @vitest-environment happy-dom
import { expect, test } from "vitest"
import { routeOf } from "./route"

const id = `${"A".repeat(21)}Q`

test("addresses lead to their pages", () => {
  expect(routeOf("/")).toEqual({ page: "dashboard" })
  expect(routeOf("/sign-in")).toEqual({ page: "sign-in" })
  expect(routeOf(`/telemedicine/${id}`)).toEqual({ page: "telemedicine", id })
  expect(routeOf("/elsewhere")).toEqual({ page: "nowhere" })
})

test("a session id that lost a character or does not encode back to itself is a broken link", () => {
  for (const broken of [id.slice(1), `${id}A`, `${"A".repeat(22).slice(1)}B`, ""])
    expect(routeOf(`/telemedicine/${broken}`), broken).toEqual({ page: "broken-link" })
})
