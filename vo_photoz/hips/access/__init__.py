"""Files of a HiPS, or parts of them: from folders, web servers, mirrors, object stores; kept on disk."""
