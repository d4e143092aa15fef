# Raise user events: the dialplan and everyone who listens on AMI get them.
#
#   notifyrun fire 'user_event.site["north"]' examples/user_event.hcl

pbx "hq" {
  simulator {
    phones = 5
  }
}

variable "sites" {
  type    = set(string)
  default = ["north", "south"]
}

# Only by hand: it has no trigger.
user_event "site" {
  for_each = var.sites
  pbx      = pbx.hq
  name     = "MaintenanceStarts"
  body = {
    Site  = each.key
    Until = "05:00"
  }
}

# Each working day, five minutes before the night shift. The body is written as
# the dialplan's UserEvent() takes it.
user_event "night" {
  pbx  = pbx.hq
  name = "NightShift"
  body = "Site:hq,Lines:reduced"

  trigger "schedule" {
    cron     = "55 21 * * MON-FRI"
    timezone = "Europe/Berlin"
  }
}
