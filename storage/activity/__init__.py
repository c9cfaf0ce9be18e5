"""How much goes on in stored footage, from the sizes of its coded pictures."""
