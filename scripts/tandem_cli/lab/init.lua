--- Commands that look closer at what was run.
--
-- @module tandem_cli.lab
return {}
