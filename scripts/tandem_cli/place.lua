--- Where the C part is, seen from the folder of the Lua modules, where tandem
-- is installed. `make install` writes this by its own LUADIR and LIBDIR.
--
-- @module tandem_cli.place
return "../../../lib/lua/5.4"
