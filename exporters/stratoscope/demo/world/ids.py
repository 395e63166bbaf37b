"""Random numbers that a seed repeats, and the ids made of them."""

import random


class Dice(random.Random):
    """The same seed gives the same ids."""

    def uuid(self) -> str:
        """As Nova, Neutron, Cinder and Glance write ids."""
        digits = f"{self.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def hex_id(self) -> str:
        """As Keystone writes ids."""
        return f"{self.getrandbits(128):032x}"

    def mac(self) -> int:
        """The last three bytes of a MAC address; Neutron's addresses begin with fa:16:3e."""
        return self.getrandbits(24)
