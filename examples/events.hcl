# The dialplan asks for a phone to fetch its configuration:
#
#   same => n,UserEvent(Provision,Device:${CALLERID(num)})
#
# and the nightly resync of all phones is told to those who listen, once it is
# over. What happens first and what happens then are chained by after triggers.

variable "phones" {
  type    = list(number)
  default = [1001, 1002, 1003, 1004]
}

pbx "hq" {
  simulator {}
}

message "resync" {
  event = "check-sync;reboot=false"
}

# One phone, whenever the dialplan says so; a button that is pressed ten times
# counts once. What a caller sends is never trusted: a device that cannot be a
# target is refused, and notifyrun runs tells why.
sip_notify "one" {
  pbx     = pbx.hq
  targets = ["PJSIP/${trigger.event.Device}"]
  message = message.resync

  trigger "event" {
    name     = "UserEvent"
    where    = event.UserEvent == "Provision" && event.Device != null
    key      = event.Device
    debounce = "10s"
    throttle = "6/h"
  }
}

# All phones, every night.
sip_notify "all" {
  pbx     = pbx.hq
  targets = [for n in var.phones : "PJSIP/${n}"]
  message = message.resync

  trigger "schedule" {
    cron     = "30 2 * * *"
    timezone = "Europe/Berlin"
    overlap  = "cancel_previous"
  }
}

# Ten minutes later, if every phone took it.
user_event "resynced" {
  pbx  = pbx.hq
  body = { Job = trigger.job, Run = trigger.run }

  trigger "after" {
    job   = sip_notify.all
    delay = "10m"
  }
}

# At once, if not. Raised by the dialplan, so that ARI applications hear it too.
user_event "not_resynced" {
  pbx     = pbx.hq
  via     = "dialplan"
  channel = "Local/s@notify"
  body    = { Job = trigger.job, Run = trigger.run }

  trigger "after" {
    job = sip_notify.all
    on  = "failure"
  }
}
