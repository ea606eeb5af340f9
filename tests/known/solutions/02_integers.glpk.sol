c Problem:    02_integers
c Rows:       3
c Columns:    6
c Non-zeros:  7
c Status:     INTEGER OPTIMAL
c Objective:  obj = -36 (MINimum)
c
s mip 3 6 o -36
i 1 17
i 2 -3
i 3 1
j 1 10
j 2 -5
j 3 -8
j 4 2
j 5 0
j 6 1
e o f
