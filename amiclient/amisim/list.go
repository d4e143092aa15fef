package amisim

func (c *session) runDeviceStateList(r *request) {
	c.startList(r, "Device State Changes will follow")
	phones := c.server.listed()
	for i := range phones {
		c.item(r, "DeviceStateChange", []Header{{"Device", "PJSIP/" + phones[i].Name}, {"State", phones[i].state()}})
	}
	c.endList(r, "DeviceStateListComplete", len(phones))
}
