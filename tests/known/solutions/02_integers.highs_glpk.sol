c Problem:    02_integers
c Rows:       4
c Columns:    6
c Non-zeros:  13
c Status:     INTEGER OPTIMAL
c Objective:  obj = -36 (MINimum)
c
s mip 4 6 o -36
i 1 -36
i 2 17
i 3 -3
i 4 1
j 1 10
j 2 -5
j 3 -8
j 4 2
j 5 0
j 6 1
e o f
