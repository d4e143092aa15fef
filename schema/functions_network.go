package schema

import (
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strings"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

var (
	prefixParam = function.Parameter{Name: "prefix", Type: cty.String}
	leadingZero = regexp.MustCompile(`\b0+([0-9])`)
)

// networkOf reads a prefix as 192.0.2.0/24. Leading zeros of decimal numbers
// count for nothing, as ever in Terraform; Go refuses them.
func networkOf(prefix string) (*net.IPNet, error) {
	if !strings.Contains(prefix, ":") {
		prefix = leadingZero.ReplaceAllString(prefix, "$1")
	}
	_, network, err := net.ParseCIDR(prefix)
	if err != nil {
		return nil, function.NewArgErrorf(0, "invalid CIDR expression: %w. It is an address, a slash and the number of bits that all addresses of the network have in common, as in 192.0.2.0/24", err)
	}
	return network, nil
}

// whole reads a whole number that fits into out.
func whole(v cty.Value, i int, out any) error {
	if err := gocty.FromCtyValue(v, out); err != nil {
		return function.NewArgError(i, err)
	}
	return nil
}

// cidrHostFunc gives the address of a host in a network, counted from its end
// if the number is negative.
var cidrHostFunc = function.New(&function.Spec{
	Params:       []function.Parameter{prefixParam, {Name: "hostnum", Type: cty.Number}},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var host *big.Int
		if err := whole(args[1], 1, &host); err != nil {
			return cty.NilVal, err
		}
		network, err := networkOf(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		ip, err := cidr.HostBig(network, host)
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		return cty.StringVal(ip.String()), nil
	},
})

// cidrNetmaskFunc writes the length of an IPv4 prefix as a netmask.
var cidrNetmaskFunc = function.New(&function.Spec{
	Params:       []function.Parameter{prefixParam},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := networkOf(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		if network.IP.To4() == nil {
			return cty.NilVal, function.NewArgErrorf(0, "IPv6 addresses cannot have a netmask: %s", args[0].AsString())
		}
		return cty.StringVal(net.IP(network.Mask).String()), nil
	},
})

// cidrSubnetFunc gives one of the networks into which more bits divide one.
var cidrSubnetFunc = function.New(&function.Spec{
	Params:       []function.Parameter{prefixParam, {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var bits int
		if err := whole(args[1], 1, &bits); err != nil {
			return cty.NilVal, err
		}
		var number *big.Int
		if err := whole(args[2], 2, &number); err != nil {
			return cty.NilVal, err
		}
		network, err := networkOf(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		length, most := network.Mask.Size()
		if bits < 0 || length+bits > most {
			return cty.NilVal, function.NewArgErrorf(1, "insufficient address space to extend prefix of %d by %d", length, bits)
		}
		if number.BitLen() > bits && number.Sign() >= 0 { // go-cidr looks at 64 bits of it only
			return cty.NilVal, function.NewArgErrorf(2, "prefix extension of %d does not accommodate a subnet numbered %d", bits, number)
		}
		subnet, err := cidr.SubnetBig(network, bits, number)
		if err != nil {
			return cty.NilVal, function.NewArgError(2, err)
		}
		return cty.StringVal(subnet.String()), nil
	},
})

// maxNewBits is by how many bits cidrsubnets extends a prefix, as in Terraform.
const maxNewBits = 32

// cidrSubnetsFunc gives networks of several sizes that follow one another.
var cidrSubnetsFunc = function.New(&function.Spec{
	Params:       []function.Parameter{prefixParam},
	VarParam:     &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:         function.StaticReturnType(cty.List(cty.String)),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := networkOf(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		if len(args) == 1 {
			return cty.ListValEmpty(cty.String), nil
		}
		start, most := network.Mask.Size()
		var before *net.IPNet
		subnets := make([]cty.Value, 0, len(args)-1)
		for i, arg := range args {
			if i == 0 {
				continue
			}
			var bits int
			if err := whole(arg, i, &bits); err != nil {
				return cty.NilVal, err
			}
			length := start + bits
			switch {
			case bits < 1:
				return cty.NilVal, function.NewArgErrorf(i, "must extend prefix by at least one bit")
			case bits > maxNewBits:
				return cty.NilVal, function.NewArgErrorf(i, "may not extend prefix by more than %d bits", maxNewBits)
			case length > most:
				return cty.NilVal, function.NewArgErrorf(i, "would extend prefix to %d bits, but the address has only %d", length, most)
			}
			next, around := &net.IPNet{IP: network.IP, Mask: net.CIDRMask(length, most)}, false
			if before != nil {
				next, around = cidr.NextSubnet(before, length)
			}
			if around || !network.Contains(next.IP) {
				return cty.NilVal, function.NewArgErrorf(i, "not enough remaining address space for a subnet with a prefix of %d bits after %s", length, before)
			}
			before = next
			subnets = append(subnets, cty.StringVal(next.String()))
		}
		return cty.ListVal(subnets), nil
	},
})

// cidrContainsFunc tells whether an address, or all of a network, lies in a
// network. It is OpenTofu's.
var cidrContainsFunc = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "containing_prefix", Type: cty.String}, {Name: "contained_ip_or_prefix", Type: cty.String}},
	Type:         function.StaticReturnType(cty.Bool),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := networkOf(args[0].AsString())
		if err != nil {
			return cty.NilVal, err
		}
		inner := args[1].AsString()
		if !strings.Contains(inner, "/") {
			if strings.Contains(inner, ":") {
				inner += "/128"
			} else {
				inner += "/32"
			}
		}
		part, err := networkOf(inner)
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "invalid IP address or prefix: %s", excerpt(args[1].AsString()))
		}
		if len(part.IP) != len(network.IP) {
			return cty.NilVal, fmt.Errorf("%s and %s are addresses of different families, of IPv4 and of IPv6", network, part)
		}
		first, last := cidr.AddressRange(part)
		return cty.BoolVal(network.Contains(first) && network.Contains(last)), nil
	},
})
