"""Which labels are probably wrong, told by models that had not learned from them."""
