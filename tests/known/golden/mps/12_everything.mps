NAME          12_everything  FREE
ROWS
 N  obj
 L  c.1
 G  c.2
 L  i1
 L  q1
COLUMNS
    a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  obj  -4.0
    a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  c.1  1.0
    a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  i1  1.0
    y  obj  -1.0
    y  c.1  1.0
    z  obj  -1.0
    z  c.1  1.0
    w(1,2)  obj  1.0
    w(1,2)  c.2  1.0
    w(1,2)  q1  0.125
    M1  'MARKER'  'INTORG'
    b  obj  -0.1
    b  c.1  1.0
    M2  'MARKER'  'INTEND'
RHS
    RHS  c.1  100.0
    RHS  c.2  -1.5
    RHS  i1  1.0
    RHS  q1  3.0
BOUNDS
 UP BND  a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  10.0
 UP BND  y  4.0
 UP BND  z  0.5
 BV BND  b
 LO BND  w(1,2)  -3.0
SOS
 S1 s1
    y  1
    z  2
QUADOBJ
    a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  2.0
QCMATRIX   q1
    a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv  1.0
    y  y  1.0
INDICATORS
 IF i1  b  1
ENDATA
