<?xml version = "1.0" encoding="UTF-8" standalone="yes"?>
<CPLEXSolution version="1.2">
 <header
   problemName="01_bounds.mps"
   objectiveValue="-24"
   solutionTypeValue="1"
   solutionTypeString="basic"
   solutionStatusValue="1"
   solutionStatusString="optimal"
   solutionMethodString="dual"
   primalFeasible="1"
   dualFeasible="1"
   simplexIterations="0"
   writeLevel="1"/>
 <quality
   epRHS="9.9999999999999995e-07"
   epOpt="9.9999999999999995e-07"
   maxPrimalInfeas="0"
   maxDualInfeas="0"
   maxPrimalResidual="0"
   maxDualResidual="0"
   maxX="7"
   maxPi="1"
   maxSlack="0"
   maxRedCost="6"
   kappa="7.5"/>
 <linearConstraints>
  <constraint name="r1" index="0" status="LL" slack="0" dual="1"/>
  <constraint name="r2" index="1" status="LL" slack="0" dual="0"/>
  <constraint name="r3" index="2" status="LL" slack="0" dual="1"/>
 </linearConstraints>
 <variables>
  <variable name="a" index="0" status="BS" value="-5" reducedCost="0"/>
  <variable name="b" index="1" status="BS" value="-7" reducedCost="0"/>
  <variable name="c" index="2" status="LL" value="-4" reducedCost="2"/>
  <variable name="d" index="3" status="BS" value="3.75" reducedCost="0"/>
  <variable name="u" index="4" status="LL" value="3.25" reducedCost="0"/>
  <variable name="f" index="5" status="UL" value="0" reducedCost="-1"/>
  <variable name="g" index="6" status="UL" value="0" reducedCost="-6"/>
 </variables>
</CPLEXSolution>
