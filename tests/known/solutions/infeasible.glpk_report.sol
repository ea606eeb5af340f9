Problem:    
Rows:       1
Columns:    2 (2 integer, 2 binary)
Non-zeros:  2
Status:     INTEGER EMPTY
Objective:  obj = 0 (MINimum)

   No.   Row name        Activity     Lower bound   Upper bound
------ ------------    ------------- ------------- -------------
     1 r1                          0             3               

   No. Column name       Activity     Lower bound   Upper bound
------ ------------    ------------- ------------- -------------
     1 x            *              0             0             1 
     2 y            *              0             0             1 

Integer feasibility conditions:

KKT.PE: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

KKT.PB: max.abs.err = 3.00e+00 on row 1
        max.rel.err = 7.50e-01 on row 1
        SOLUTION IS INFEASIBLE

End of output
