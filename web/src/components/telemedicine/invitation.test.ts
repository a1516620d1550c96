import { expect, test } from "vitest"
import { invitationTexts } from "../../i18n/invitations"
import { compose, mailAddress, messageAddress, placeholders, timeFor } from "./invitation"

const values = { name: "Dr Roe", clinic: "Harbour Street", time: "Time: 14:30", link: "https://host/telemedicine/a#b&c" }

test("values stand in their places, and a line without its value is gone", () => {
  const text = "{name} invites\n{clinic}\n{time}\n\n{link}"
  expect(compose(text, values)).toBe("Dr Roe invites\nHarbour Street\nTime: 14:30\n\nhttps://host/telemedicine/a#b&c")
  expect(compose(text, { ...values, clinic: "", time: "" })).toBe("Dr Roe invites\n\nhttps://host/telemedicine/a#b&c")
})

test("a text without the link has it at the end, and other braces stay", () => {
  expect(compose("Hello {friend}", values)).toBe("Hello {friend}\nhttps://host/telemedicine/a#b&c")
  expect(compose("{name}", { ...values, name: "{link}" })).toBe("{link}\nhttps://host/telemedicine/a#b&c")
})

test("addresses keep the whole of the link and the lines", () => {
  const body = compose("{name}\n{link}", values)
  const mail = new URL(mailAddress("Visit & more", body))
  expect(mail.searchParams.get("body")).toBe("Dr Roe\r\nhttps://host/telemedicine/a#b&c")
  expect(mail.searchParams.get("subject")).toBe("Visit & more")
  expect(mail.hash).toBe("")
  expect(new URL(messageAddress(body)).searchParams.get("body")).toBe("Dr Roe\nhttps://host/telemedicine/a#b&c")
})

test("the time is told with its zone", () => {
  expect(timeFor("en", 1_790_000_000_000, "Europe/Berlin")).toBe("Monday, September 21, 2026 at 4:13 PM GMT+2")
})

test.each(Object.entries(invitationTexts))("the texts in %s name who invites and hold the link once", (_, texts) => {
  for (const text of [texts.mail, texts.short]) {
    for (const name of placeholders) expect(text.split(`{${name}}`)).toHaveLength(2)
  }
  expect(texts.time).toContain("{time}")
})
