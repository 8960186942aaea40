"""Units, quantities, regions, signs and codes: tables, no logic."""
