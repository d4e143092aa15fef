# A configuration of notifyrun to start from. It works as it is: the PBX below
# is simulated by the program itself, with 25 phones, PJSIP/1001 to PJSIP/1025.
#
#   notifyrun plan       shows what would be sent, to whom, and when
#   notifyrun apply      asks, sends, and records every answer
#   notifyrun schedule   lists the next due times

pbx "demo" {
  simulator {
    phones = 25
  }
}

# A real one instead. The user needs these lines in manager.conf of the server,
# and `notifyrun check` tells what is missing there:
#
#   [notifyrun]
#   secret = …
#   write = system,user
#
# pbx "hq" {
#   address  = "pbx.example.net:5038"
#   username = "notifyrun"
#   secret   = var.hq_secret
# }
#
# variable "hq_secret" {
#   type      = string
#   sensitive = true # give it by NOTIFYRUN_VAR_hq_secret
# }

variable "firmware" {
  type    = string
  default = "1.2.3"
}

# Asks phones to read their configuration again, once for each new firmware:
# applying twice does not disturb anyone twice.
sip_notify "resync" {
  pbx     = pbx.demo
  targets = ["PJSIP/1001", "PJSIP/1002", "PJSIP/1003"]

  message {
    event = "check-sync"
  }

  trigger "change" {
    on = { firmware = var.firmware }
  }
}

# Tells the dialplan that the night begins, on working days.
user_event "night" {
  pbx  = pbx.demo
  name = "NightBegins"
  body = { Site = "hq" }

  trigger "schedule" {
    cron     = "0 22 * * MON-FRI"
    timezone = "Europe/Berlin"
  }
}

# Without a trigger a job is sent only by hand: notifyrun fire sip_notify.reboot
sip_notify "reboot" {
  pbx     = pbx.demo
  targets = ["PJSIP/1001"]

  message {
    event = "check-sync;reboot=true"
  }
}
