"""Reading the providers' attendance reports, over plain values: bytes in, frozen values out."""
