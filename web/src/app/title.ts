/** Title and icon of the tab: what is unread, and who is calling. */
import { t } from "../i18n/index"

/** Sets the tab's title; the number of unread messages stands before it, and the icon has a dot. */
export function setTitle(title: string, unread = 0): void {
  document.title = `${unread > 0 ? t("title.unread", { count: unread, title }) : title} · ${t("app.name")}`
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  const href = unread > 0 ? "/favicon-unread.svg" : "/favicon.svg"
  if (icon && icon.getAttribute("href") !== href) icon.href = href
}
