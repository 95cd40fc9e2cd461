-- install_extension: what the tests are about, as an extension.
CREATE EXTENSION content_library;
