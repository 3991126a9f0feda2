"""The mobile spaces: ProxylessNAS's and FBNet's.

Sources: ProxylessNAS search/imagenet_arch_search.py; FBNet, Tables 1 and 2. FBNet's blocks of stride 2, and those that
change their channels, have no skip (choice: nothing says what it would be there).
"""

from __future__ import annotations

from spaces.mobile.plan import FBNET, PROXYLESS
from spaces.mobile.space import MobileSpace
from spaces.space import Final

SIX = ("mbconv3_3x3", "mbconv6_3x3", "mbconv3_5x5", "mbconv6_5x5", "mbconv3_7x7", "mbconv6_7x7")
EIGHT = (
    *("mbconv1_3x3", "mbconv1_3x3_g2", "mbconv3_3x3", "mbconv6_3x3"),
    *("mbconv1_5x5", "mbconv1_5x5_g2", "mbconv3_5x5", "mbconv6_5x5"),
)

MOBILE = MobileSpace(
    "mobile",
    "21 inverted residual blocks in a chain, 6 candidates each, a skip where it can be",
    "ProxylessNAS, section 4.2; search/imagenet_arch_search.py",
    {"mobile": PROXYLESS.edges(SIX)},
    Final(channels=1728, cells=1),
    {"channels": PROXYLESS.features, "cells": 1},
    imagenet=Final(channels=1728, cells=1),
    plan=PROXYLESS,
)
"""Parameters are quoted at the width of ProxylessNAS-GPU, 1.35 times that of the search."""
MOBILE_FBNET = MobileSpace(
    "mobile-fbnet",
    "22 inverted residual blocks in a chain, 8 candidates each, a skip where it can be",
    "FBNet, Tables 1 and 2",
    {"fbnet": FBNET.edges(EIGHT)},
    Final(channels=FBNET.features, cells=1),
    {"channels": FBNET.features, "cells": 1},
    imagenet=Final(channels=FBNET.features, cells=1),
    plan=FBNET,
)
