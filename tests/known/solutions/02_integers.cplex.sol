<?xml version = "1.0" encoding="UTF-8" standalone="yes"?>
<CPLEXSolution version="1.2">
 <header
   problemName="02_integers.mps"
   solutionName="incumbent"
   solutionIndex="-1"
   objectiveValue="-36"
   solutionTypeValue="3"
   solutionTypeString="primal"
   solutionStatusValue="101"
   solutionStatusString="integer optimal solution"
   solutionMethodString="mip"
   primalFeasible="1"
   dualFeasible="1"
   MIPNodes="0"
   MIPIterations="0"
   writeLevel="1"/>
 <quality
   epInt="1.0000000000000001e-05"
   epRHS="9.9999999999999995e-07"
   maxIntInfeas="0"
   maxPrimalInfeas="0"
   maxX="10"
   maxSlack="0.5"/>
 <linearConstraints>
  <constraint name="r1" index="0" slack="0.5"/>
  <constraint name="r2" index="1" slack="-0.5"/>
  <constraint name="r3" index="2" slack="0.5"/>
 </linearConstraints>
 <variables>
  <variable name="i" index="0" value="10"/>
  <variable name="j" index="1" value="-5"/>
  <variable name="k" index="2" value="-8"/>
  <variable name="l" index="3" value="2"/>
  <variable name="b" index="4" value="0"/>
  <variable name="bf" index="5" value="1"/>
 </variables>
</CPLEXSolution>
