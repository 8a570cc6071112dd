<?xml version="1.0" encoding="UTF-8"?>
<!-- One table of redshifts for the crossmatch tests. DaCHS makes the table and its index; the rows of
     tests/servers/spectra.py come in by COPY afterwards. -->
<resource schema="vo_photoz_tests" resdir="vo_photoz_tests">
  <meta name="title">Generated redshifts</meta>
  <meta name="creationDate">2026-11-01T00:00:00Z</meta>
  <meta name="description">Sources made by a random generator, for the tests of vo_photoz.</meta>
  <meta name="subject">redshift-surveys</meta>
  <meta name="creator">The vo_photoz developers</meta>

  <table id="spectra" onDisk="True" adql="True" mixin="//scs#pgs-pos-index">
    <meta name="description">Positions and redshifts that were never measured.</meta>
    <column name="specobjid" type="bigint" required="True" ucd="meta.id;meta.main"
            description="Identifier of the spectrum"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main"
            description="Right ascension, ICRS"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main"
            description="Declination, ICRS"/>
    <column name="z" type="double precision" ucd="src.redshift" description="Spectroscopic redshift"/>
    <column name="z_err" type="real" ucd="stat.error;src.redshift" description="Error of the redshift"/>
    <column name="class" type="text" ucd="src.class" description="QSO or GALAXY"/>
    <column name="zwarning" type="integer" required="True" ucd="meta.code.qual"
            description="0 for a redshift to be trusted"/>
  </table>

  <data id="create"><nullGrammar/><make table="spectra"/></data>
</resource>
