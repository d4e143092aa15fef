# One module a site: each has a PBX of its own, and all have the same jobs. The
# phones are those that are registered; they are read when a plan is made, and
# again when a job fires.

variable "sites" {
  description = "The sites, and what differs."
  type = map(object({
    phones   = number
    asterisk = optional(number, 22)
    exclude  = optional(list(string), [])
  }))
  default = {
    north = { phones = 12, exclude = ["PJSIP/1003"] } # the desk of the emergency room
    south = { phones = 8, asterisk = 16 }
  }
}

variable "firmware" {
  type    = string
  default = "1.2.3"
}

pbx "site" {
  for_each = var.sites

  simulator { # in place of address, username and secret
    phones  = each.value.phones
    version = each.value.asterisk
  }
}

module "site" {
  source   = "./site"
  for_each = var.sites

  pbx      = pbx.site[each.key]
  exclude  = each.value.exclude
  firmware = var.firmware
}

check "fleet" {
  assert {
    condition     = alltrue([for m in module.site : m.phones > 0])
    error_message = "A site has no phones that are registered."
  }
}

output "phones" {
  value = { for name, m in module.site : name => m.phones }
}
