Problem:    02_integers
Rows:       4
Columns:    6 (6 integer, 1 binary)
Non-zeros:  13
Status:     INTEGER OPTIMAL
Objective:  obj = -36 (MINimum)

   No.   Row name        Activity     Lower bound   Upper bound
------ ------------    ------------- ------------- -------------
     1 obj                       -36                             
     2 r1                         17                        17.5 
     3 r2                         -3          -3.5               
     4 r3                          1                         1.5 

   No. Column name       Activity     Lower bound   Upper bound
------ ------------    ------------- ------------- -------------
     1 i            *             10             0               
     2 j            *             -5            -5             5 
     3 k            *             -8                           3 
     4 l            *              2             2               
     5 b            *              0             0             1 
     6 bf           *              1             1             = 

Integer feasibility conditions:

KKT.PE: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

KKT.PB: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

End of output
