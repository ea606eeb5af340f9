objective value:                                  -36
bf                                                  1 	(obj:-1)
k                                                  -8 	(obj:1)
l                                                   2 	(obj:-1)
i                                                  10 	(obj:-3)
j                                                  -5 	(obj:-1)
