// Package gatewayapi pins the Gateway API release whose resource definitions the test cluster installs.
package gatewayapi

import _ "sigs.k8s.io/gateway-api/pkg/consts"
