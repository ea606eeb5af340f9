Problem:    01_bounds
Rows:       3
Columns:    7
Non-zeros:  10
Status:     OPTIMAL
Objective:  obj = -24 (MINimum)

   No.   Row name   St   Activity     Lower bound   Upper bound    Marginal
------ ------------ -- ------------- ------------- ------------- -------------
     1 r1           NL            -9            -9                           1 
     2 r2           B          -1.25            -5               
     3 r3           NL            -7            -7                           1 

   No. Column name  St   Activity     Lower bound   Upper bound    Marginal
------ ------------ -- ------------- ------------- ------------- -------------
     1 a            B          -1.25                             
     2 b            B             -7                          -2 
     3 c            NL            -4            -4            -1             2 
     4 d            NL             0             0                       < eps
     5 u            NS          3.25          3.25             =         < eps
     6 f            NU             0                           0            -1 
     7 g            NS             0             0             =            -6 

Karush-Kuhn-Tucker optimality conditions:

KKT.PE: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

KKT.PB: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

KKT.DE: max.abs.err = 0.00e+00 on column 0
        max.rel.err = 0.00e+00 on column 0
        High quality

KKT.DB: max.abs.err = 0.00e+00 on row 0
        max.rel.err = 0.00e+00 on row 0
        High quality

End of output
