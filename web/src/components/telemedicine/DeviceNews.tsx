import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls, type DeviceNews as News } from "../../lib/call/types"
import { Icon } from "../Icon"

/** A device went, and another took its place; or one came, and may be used. */
export function DeviceNews({ calls }: { calls: Calls }) {
  const news = calls.news.value
  if (!news) return null
  const use = async (): Promise<void> => {
    calls.forgetNews()
    if (news.what !== "offered") return
    for (const { kind, id } of news.devices) await calls.chooseDevice(kind, id)
  }
  return (
    <div class="notice" role="status">
      <Icon name="plug" />
      <p>
        <Sentence news={news} />
      </p>
      <div class="row">
        {news.what === "offered" && (
          <button type="button" class="button primary" onClick={() => void use()}>
            {t("device.use")}
          </button>
        )}
        <button type="button" class="button" onClick={() => calls.forgetNews()}>
          {t(news.what === "offered" ? "device.notNow" : "call.dismiss")}
        </button>
      </div>
    </div>
  )
}

function Sentence({ news }: { news: News }) {
  switch (news.what) {
    case "offered":
      return <Words k="device.offered" name={news.devices[0]?.label ?? ""} />
    case "refused":
      return <Words k="device.refused" name={news.label} />
    case "replaced":
      return news.kind === "speaker" ? (
        <>{t("device.replaced.speaker")}</>
      ) : (
        <Words k={`device.replaced.${news.kind}`} name={news.label} />
      )
  }
}
