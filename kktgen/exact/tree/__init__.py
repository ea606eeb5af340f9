"""The tree behind a proof of the leader's optimum: relaxations of its parts, and prices that bound them exactly."""
