import { useSignal } from "@preact/signals"
import { t } from "../../i18n/index"
import { Confirm } from "../Dialog"
import { Icon } from "../Icon"

interface Props {
  host: boolean
  class: string
  onHere: () => void
  /** Where it may be deleted at the server, for everybody. */
  onServer: (() => void) | undefined
  /** What else is said before that. */
  also?: string
}

/** Ways to be rid of a session, each asked about. */
export function Deletes({ host, class: name, onHere, onServer, also }: Props) {
  const asking = useSignal<"here" | "server" | undefined>(undefined)
  const onClose = () => void (asking.value = undefined)
  const text = t("dashboard.deleteServer.text")
  return (
    <>
      <div class={name}>
        <button type="button" class="button bare warn" onClick={() => void (asking.value = "here")}>
          <Icon name="trash" />
          {t("end.delete")}
        </button>
        {onServer && (
          <button type="button" class="button bare warn" onClick={() => void (asking.value = "server")}>
            <Icon name="trash" />
            {t("dashboard.deleteServer")}
          </button>
        )}
      </div>
      {asking.value === "here" && (
        <Confirm
          title={t("end.delete.title")}
          text={t(host ? "end.delete.textHost" : "end.delete.textGuest")}
          confirm={t("end.delete")}
          onConfirm={onHere}
          onClose={onClose}
        />
      )}
      {asking.value === "server" && onServer && (
        <Confirm
          title={t("dashboard.deleteServer.title")}
          text={also === undefined ? text : `${text} ${also}`}
          confirm={t("dashboard.deleteServer")}
          onConfirm={onServer}
          onClose={onClose}
        />
      )}
    </>
  )
}
